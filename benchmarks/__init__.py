"""How fast, how big, how many writes: measured on real parts, beside yardsticks measured in the same minutes.

The yardsticks are bare loops, of grpc-go (`peers/loop.go`) and of `grpc.aio` (`floor.py`), that make the same requests
to the same peers, with nothing around them; peers and schedulers are in Go too (`peers`), so that they leave the time
to who is measured. Ratios travel between machines; seconds do not. A row is one module in `rows/`.
"""
