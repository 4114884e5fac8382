"""What is proposed for a contract, column by column and for the rows as a whole (mlops.contract.profile puts it together)."""
