"""SageMaker of the embedded AWS: training jobs run `train.py` for real, endpoints serve what it trained."""
