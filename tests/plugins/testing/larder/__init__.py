"""A correct tool source with a server, a thread, a task and a secret behind it, to seed defects in."""
