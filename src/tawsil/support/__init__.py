"""What people must look at: tickets, opened by the platform or by somebody with a problem."""
