"""The price file, and the public price list that refreshes it, as a loopback server that answers in the documented form."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.mlops.azure.stand_in import settle

from mlops.azure.prices import read_prices
from mlops.cli import main


def item(sku: str, price: float, **otherwise: object) -> dict:
    """An entry as https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices documents it."""
    return {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": price,
        "unitPrice": price,
        "armRegionName": "eastus",
        "location": "US East",
        "effectiveStartDate": "2026-06-01T00:00:00Z",
        "meterId": "0",
        "meterName": "D4s v5",
        "productId": "DZH318Z08MC0",
        "skuId": "DZH318Z08MC0/0001",
        "productName": "Virtual Machines Dsv5 Series",
        "skuName": "D4s v5",
        "serviceName": "Virtual Machines",
        "serviceId": "DZH313Z7MMC8",
        "serviceFamily": "Compute",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "isPrimaryMeterRegion": True,
        "armSkuName": sku,
        **otherwise,
    }


D4 = "Standard_D4s_v5"
PAGES = [
    [
        item(D4, 0.21),
        item(D4, 0.05, skuName="D4s v5 Spot", meterName="D4s v5 Spot"),
        item(D4, 0.394, productName="Virtual Machines Dsv5 Series Windows"),
        item(D4, 9.99, productName="Dsv5 Series Cloud Services"),
        item(D4, 1104.0, type="Reservation", reservationTerm="1 Year"),
    ],
    [item(D4, 0.042, skuName="D4s v5 Low Priority", meterName="D4s v5 Low Priority"), item("Standard_E8s_v5", 1.0)],
]


class PriceList(ThreadingHTTPServer):
    """Answers a page at a time, and writes down what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[dict[str, list[str]]] = []
        self.pages = PAGES
        self.next_host = self.address
        self.broken: bytes | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/api/retail/prices"


class Handler(BaseHTTPRequestHandler):
    server: PriceList

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        self.server.asked.append(asked)
        at = int(asked.get("$skip", ["0"])[0])
        more = at + 1 < len(self.server.pages)
        body = {
            "BillingCurrency": "USD",
            "CustomerEntityId": "Default",
            "CustomerEntityType": "Retail",
            "Items": self.server.pages[at],
            "NextPageLink": f"{self.server.next_host}?$skip={at + 1}" if more else None,
            "Count": len(self.server.pages[at]),
        }
        data = self.server.broken if self.server.broken is not None else json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def prices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, serve):
    settle(tmp_path)
    monkeypatch.chdir(tmp_path)
    return serve(PriceList())


def test_a_refresh_takes_linux_by_the_hour_and_follows_the_pages(prices: PriceList, tmp_path: Path, capsys) -> None:
    assert main(["costs", "--refresh", "--from", prices.address]) == 0
    now = read_prices(tmp_path)
    assert now.hourly[D4] == {"Dedicated": 0.21, "LowPriority": 0.042}
    assert "Standard_E8s_v5" not in now.hourly  # nobody asked for it
    assert "Standard_D4s_v5 Dedicated: 0.21 USD an hour, was 0.192" in capsys.readouterr().out
    (question,), (currency,) = prices.asked[0]["$filter"], prices.asked[0]["currencyCode"]
    assert question == (
        "serviceName eq 'Virtual Machines' and priceType eq 'Consumption' and armRegionName eq 'eastus' and (armSkuName eq 'Standard_D4s_v5')"
    )
    assert currency == "'USD'"
    assert len(prices.asked) == len(PAGES)


def test_a_refresh_keeps_what_the_file_says_above_and_beside(prices: PriceList, tmp_path: Path) -> None:
    path = tmp_path / "infra/prices.yml"
    before = path.read_text().split("currency:")[0]
    path.write_text(path.read_text().replace("slowest: 2", "slowest: 7").replace("'2026-11-30'", "'2001-01-01'"))
    assert main(["costs", "--refresh", "--from", prices.address]) == 0
    assert path.read_text().startswith(before)
    assert read_prices(tmp_path).assumed.slowest == 7
    assert read_prices(tmp_path).date > "2026"


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>busy</html>",
        b"{}",
        b'{"Items": 3}',
        b'{"Items": [{"armSkuName": "Standard_D4s_v5", "type": "Consumption", "unitOfMeasure": "1 Hour"}]}',
    ],
)
def test_an_answer_of_another_form_changes_nothing(prices: PriceList, tmp_path: Path, capsys, answer: bytes) -> None:
    before = (tmp_path / "infra/prices.yml").read_bytes()
    prices.broken = answer
    assert main(["costs", "--refresh", "--from", prices.address]) == 3
    assert (tmp_path / "infra/prices.yml").read_bytes() == before
    assert "gave no answer that makes sense" in capsys.readouterr().err


def test_the_list_may_not_send_us_elsewhere(prices: PriceList, capsys) -> None:
    prices.next_host = "http://localhost:1/elsewhere"
    assert main(["costs", "--refresh", "--from", prices.address]) == 3
    assert "goes on at another place" in capsys.readouterr().err


def test_a_list_that_is_not_there_is_told(prices: PriceList, capsys) -> None:
    address = prices.address
    prices.shutdown()
    prices.server_close()
    assert main(["costs", "--refresh", "--from", address]) == 3
    assert "the prices in the file are as they were" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("size", "said"), [("Standard_X1", "knows no Standard_X1 in eastus"), ("D4' or 1 eq 1", "neither a region nor a machine size")]
)
def test_a_size_that_the_list_does_not_know_is_told(prices: PriceList, capsys, size: str, said: str) -> None:
    assert main(["costs", "--refresh", size, "--from", prices.address]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Dedicated: 0.192", "Dedicated: cheap", "prices.yml:8:16  error: 'cheap' is not a number"),
        ("Dedicated: 0.192", "Spot: 0.192", "'Spot' is not one of Dedicated, LowPriority"),
        ("slowest: 2", "slowness: 2", "'slowness' is not one of"),
        ("region: eastus", "place: eastus", "this file has the keys"),
        ("region: eastus\n", "", "region is missing"),
        ("fastest: 0.5", "fastest: -1", "-1 is not a number from 0 on"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_line(prices: PriceList, tmp_path: Path, capsys, old: str, new: str, said: str) -> None:
    path = tmp_path / "infra/prices.yml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert main(["costs", "--refresh", "--from", prices.address]) == 2
    assert said in capsys.readouterr().err
