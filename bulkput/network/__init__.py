"""How this program reaches others: proxies, and whom TLS trusts, the same for every client."""
