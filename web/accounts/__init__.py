"""Who may act as whom. Until there are accounts: tokens that an administrator hands out."""
