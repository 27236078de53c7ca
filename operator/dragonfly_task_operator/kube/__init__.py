"""The adapters to Kubernetes: events in through Kopf, a worker for each object, status and Events out."""
