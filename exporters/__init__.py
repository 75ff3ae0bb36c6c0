"""What runs on or beside a host: the agent that reads, attributes, keeps and sends energy."""
