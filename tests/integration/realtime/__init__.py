"""Tests of realtime/ with real parts: Redis, uvicorn, the official Python SDK."""
