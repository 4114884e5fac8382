"""What an hour of a machine costs: infra/prices.yml, which is yours, and the public price list that refreshes it.

The list is Azure's Retail Prices API, which asks for no account:
https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from mlops.errors import PlatformError, UsageError
from mlops.files import write_atomic
from mlops.spec.source import Source, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

PRICES_FILE = Path("infra/prices.yml")
PRICE_LIST = "https://prices.azure.com/api/retail/prices"
PRIORITIES = ("Dedicated", "LowPriority")
_KEYS = {"currency", "region", "date", "prices", "computes", "assume"}
_ASSUMED = {"start_minutes": 5.0, "idle_minutes": 5.0, "fastest": 0.5, "slowest": 2.0}
_MOST_PAGES = 50
_HEADER = re.compile(r"\A(?:[ \t]*#[^\n]*\n)*")


@dataclass(frozen=True)
class Assumed:
    """What nobody has measured, and an estimate needs."""

    start_minutes: float
    """From none to a machine that works: paid, once a run."""
    idle_minutes: float
    """How long a machine waits for work before it goes: paid, once a run."""
    fastest: float
    slowest: float
    """Hours there for an hour here: the bounds of the range."""


@dataclass(frozen=True)
class Prices:
    """What an hour costs, in a currency, in a region, as it was on a day."""

    currency: str
    region: str
    date: str
    hourly: Mapping[str, Mapping[str, float]]
    """Machine size -> priority -> price."""
    computes: Mapping[str, str]
    """The name of a compute in a pipeline's YAML -> machine size, and priority after a blank. The training cluster is the environment's own."""
    assumed: Assumed

    def hour(self, size: str, priority: str) -> float:
        """Return what an hour of a machine costs.

        Raises:
            UsageError: The file does not say.
        """
        found = self.hourly.get(size, {}).get(priority)
        if found is None:
            hint = f"mlops costs --refresh {size} (it asks the public list), or write it into the file."
            raise UsageError(f"no price of {size}, {priority}", where=str(PRICES_FILE), hint=hint)
        return found


def read_prices(root: Path) -> Prices:
    """Read infra/prices.yml.

    Raises:
        SpecError: A mistake, with its line.
        UsageError: There is no such file.
    """
    if not (root / PRICES_FILE).is_file():
        raise UsageError(f"there is no {PRICES_FILE}", hint="Take the one of the template; docs/azure.md says what is in it.")
    source = read(root / PRICES_FILE)
    told = source.value
    if not isinstance(told, dict) or not set(told) <= _KEYS:
        wrong = sorted(map(str, set(told) - _KEYS)) if isinstance(told, dict) else []
        raise source.fail((wrong[0],) if wrong else (), f"this file has the keys {', '.join(sorted(_KEYS))}", at_key=bool(wrong))
    for key in sorted({"currency", "region", "date", "prices"} - set(told)):
        raise source.fail((), f"{key} is missing")
    assumed = {**_ASSUMED, **(told.get("assume") or {})}
    for key in sorted(set(assumed) - set(_ASSUMED)):
        raise source.fail(("assume", key), f"{key!r} is not one of {', '.join(_ASSUMED)}", at_key=True)
    return Prices(
        currency=str(told["currency"]),
        region=str(told["region"]),
        date=str(told["date"]),
        hourly=_hourly(source, told["prices"] or {}),
        computes={str(name): str(size) for name, size in (told.get("computes") or {}).items()},
        assumed=Assumed(**{key: _number(source, ("assume", key), value) for key, value in assumed.items()}),
    )


def _hourly(source: Source, told: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    hourly: dict[str, dict[str, float]] = {}
    for size, prices in told.items():
        if not isinstance(prices, dict):
            raise source.fail(("prices", size), f"{size} has a price for each of {', '.join(PRIORITIES)}")
        for priority, price in prices.items():
            if priority not in PRIORITIES:
                raise source.fail(("prices", size, priority), f"{priority!r} is not one of {', '.join(PRIORITIES)}", at_key=True)
            hourly.setdefault(str(size), {})[priority] = _number(source, ("prices", size, priority), price)
    return hourly


def _number(source: Source, keys: tuple[str, ...], value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise source.fail(keys, f"{value!r} is not a number from 0 on")
    return float(value)


def refreshed(prices: Prices, sizes: Sequence[str], address: str = PRICE_LIST) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Ask the price list what machines cost now, in the region and the currency of the file.

    Args:
        prices: The file as it is.
        sizes: Machine sizes, as Standard_D4s_v5.
        address: Where the list is.

    Returns:
        Size -> priority -> price an hour, and those sizes that the list does not know in that region.

    Raises:
        PlatformError: The list cannot be reached, or does not answer as it is documented.
    """
    hourly: dict[str, dict[str, float]] = {}
    for size, priority, price in _entries(address, _question(prices.region, sizes), prices.currency):
        if size in sizes:
            known = hourly.setdefault(size, {})
            known[priority] = max(known.get(priority, 0.0), price)
    return hourly, [size for size in sizes if size not in hourly]


def _question(region: str, sizes: Sequence[str]) -> str:
    for word in (region, *sizes):
        if not re.fullmatch(r"\w+", word):
            raise UsageError(f"{word!r} is neither a region nor a machine size", hint="As eastus, and Standard_D4s_v5.")
    any_size = " or ".join(f"armSkuName eq '{size}'" for size in sizes)
    return f"serviceName eq 'Virtual Machines' and priceType eq 'Consumption' and armRegionName eq '{region}' and ({any_size})"


def _priority(item: Mapping[str, Any]) -> str | None:
    """Which price of ours an entry of the list is: Linux, by the hour, of a virtual machine as such; spot prices are nobody's here."""
    product, sku = str(item.get("productName", "")), str(item.get("skuName", ""))
    if item.get("type") != "Consumption" or item.get("unitOfMeasure") != "1 Hour" or "Windows" in product or "Cloud Services" in product:
        return None
    if sku.endswith("Spot"):
        return None
    return "LowPriority" if sku.endswith("Low Priority") else "Dedicated"


def _entries(address: str, question: str, currency: str) -> Iterator[tuple[str, str, float]]:
    """Read the list page by page: machine size, priority and price of each entry that has one of ours."""
    page = address
    given: dict[str, str] | None = {"currencyCode": f"'{currency}'", "$filter": question}
    for _ in range(_MOST_PAGES):
        entries, following = _page(page, given, address)
        yield from entries
        if not following:
            return
        if [urlsplit(following).scheme, urlsplit(following).hostname] != [urlsplit(address).scheme, urlsplit(address).hostname]:
            raise PlatformError(f"the price list goes on at another place: {following}", where=address, hint="Nothing was changed.")
        page, given = following, None
    raise PlatformError(
        f"the price list has more than {_MOST_PAGES} pages for this question", where=address, hint="Ask for fewer sizes at once."
    )


def _page(page: str, given: Mapping[str, str] | None, address: str) -> tuple[list[tuple[str, str, float]], str]:
    import httpx

    try:
        answer = httpx.get(page, params=given, timeout=30.0, follow_redirects=False)
        answer.raise_for_status()
        told = answer.json()
        ours = [(item, priority) for item in told["Items"] if (priority := _priority(item))]
        return [(str(item["armSkuName"]), priority, float(item["retailPrice"])) for item, priority in ours], str(
            told.get("NextPageLink") or ""
        )
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PlatformError(
            f"the price list gave no answer that makes sense: {error!r}",
            where=address,
            hint="Try again later; the prices in the file are as they were.",
        ) from error


def write_prices(root: Path, found: Mapping[str, Mapping[str, float]], today: date) -> None:
    """Put new prices, and their day, into the file. The comment that it begins with stays; other comments do not."""
    path = root / PRICES_FILE
    text = path.read_text(encoding="utf-8")
    header = _HEADER.match(text)
    told = read(path).value
    told["date"] = today.isoformat()
    told["prices"] = {**(told["prices"] or {}), **{size: dict(prices) for size, prices in found.items()}}
    write_atomic(path, (header[0] if header else "") + yaml.safe_dump(told, sort_keys=False, allow_unicode=True))
