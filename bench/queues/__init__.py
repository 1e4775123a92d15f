"""The other queues' side of `bench.peers`: run in environments of their own, so nothing here imports Balanza."""
