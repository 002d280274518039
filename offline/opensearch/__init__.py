"""The OpenSearch engine of the embedded AWS: the portable API subset over exact vectors and Lucene-formula BM25.

It is a stand-in for the subset that managed domains and OpenSearch Serverless share, not an OpenSearch: whatever lies
outside is refused, so that a call which one of the targets lacks fails here first.
"""
