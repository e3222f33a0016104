"""The stand-alone server's parts, without sockets."""
