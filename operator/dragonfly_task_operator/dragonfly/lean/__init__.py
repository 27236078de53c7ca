"""A unary gRPC client for peers that are spoken to in plaintext: a connection costs far less than one of grpcio's.

Only what the operator needs of HTTP/2 and gRPC is here, and every limit that a hostile server could go over. Pace,
files, reuse and what an error means are decided where they are for grpcio (docs/adr/0015-lean-transport.md).
"""
