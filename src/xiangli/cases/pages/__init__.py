"""Pages of cases: `public` for residents without an account, `staff` for those who answer."""
