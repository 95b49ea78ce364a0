"""What a number of puts costs, in dollars and in time. Pure.

Owns the price. Knows no quota: the rate is the caller's.
"""

PUT_PRICE_USD_PER_THOUSAND = 0.006
"""EBS direct APIs, PutSnapshotBlock, most regions (AWS price list): 1 TiB full is 12.58 USD."""

GET_PRICE_USD_PER_THOUSAND = 0.003
"""EBS direct APIs, GetSnapshotBlock, most Regions (AWS price list)."""


def put_price_usd(puts: int, usd_per_thousand: float = PUT_PRICE_USD_PER_THOUSAND) -> float:
    """Return the price of ``puts`` put requests."""
    return puts * usd_per_thousand / 1000


def put_duration_s(puts: int, rate_puts_per_s: float) -> float:
    """Return the least time that ``puts`` take at a rate; 1 TiB full at 1000/s is 35 minutes."""
    return puts / rate_puts_per_s
