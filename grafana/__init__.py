"""Dashboards, recording rules and alerts as Python data, written from footprint.metrics."""
