"""The service `ce`: questions about the bill, cost-allocation tags, anomaly monitors."""
