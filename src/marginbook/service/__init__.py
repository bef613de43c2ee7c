"""HTTP and WebSocket API, dashboard and metrics over a running book. Needs the extra `serve`."""
