"""The OpenSearch engine of the embedded AWS: the calls of the RAG pipeline over exact vectors and Lucene-formula BM25.

It stands in for what managed domains and OpenSearch Serverless share and the pipeline sends. It refuses all else by
name: a call that one of the targets lacks fails here first.
"""
