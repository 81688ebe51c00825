module example.com/tickets
