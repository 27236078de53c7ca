"""Grafana's dashboards as code: written to deploy/components/monitoring, and described in docs/dashboards.md."""
