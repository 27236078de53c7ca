"""What searching and deleting are: plan, fan out, fold the results, verify.

Pure asyncio over ports (`ports.py`) and a clock. No Kopf, no Kubernetes, no gRPC: those are adapters' business.
"""
