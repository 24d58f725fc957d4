"""``make chaos``: a real instance under random kills, judged by what its clients were promised."""
