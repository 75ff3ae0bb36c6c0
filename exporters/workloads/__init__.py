"""Who ran where: CPU time of control groups, or of processes followed one by one."""
