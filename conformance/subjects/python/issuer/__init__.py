"""An issuer, written from `spec/` alone. Start at `__main__.py`; what a request goes through is in `front.py`."""
