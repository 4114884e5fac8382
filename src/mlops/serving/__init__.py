"""Serving: an endpoint per environment on this machine, that swaps versions without a failed request.

endpoint      what others call: deploy, look, stop, rotate_key. It is a client; it loads nothing heavy
supervisor    the endpoint's own process: it owns the listening socket and starts, swaps and restarts deployments
worker        one deployment: a process that inherits the socket, loads one version and answers
application   the routes; body: a request's forms and checks; scoring: rows to predictions; batch: requests scored together
trial         the smoke and load test of an endpoint, from outside
"""
