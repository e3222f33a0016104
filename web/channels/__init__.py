"""MaxRay on realtime/: who may connect and subscribe, what devices may call."""
