"""What SECURITY.md claims, attacked through the doors of the service. One file a kind of attack."""
