"""The adapters to Dragonfly: task ids, discovery of schedulers, and the requests to schedulers and peers over gRPC."""
