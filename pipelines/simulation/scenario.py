"""What is to be different: another policy, other stock, warehouses added or closed."""

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from pipelines.config import HubConfig
from pipelines.config_errors import told
from pipelines.config_file import UnreadableError, read_document
from pipelines.config_models import Warehouse
from pipelines.config_routing import Routing, SafetyStock, routing_problems, tariff_of
from pipelines.config_sites import routing_sites
from pipelines.problems import ProblemError
from warehouse_routing.policy import Policy, Strategy
from warehouse_routing.problem import Site

Position = tuple[str, str]
Model = TypeVar("Model", bound=BaseModel)
WHOLE = re.compile(r"[+-]?[0-9]{1,9}")
OTHER_NAMES = {"nearest_first": Strategy.NEAREST}


@dataclass(frozen=True, slots=True)
class Changes:
    """What somebody wants to try; nothing of it means to play the window again as it is configured.

    Attributes:
        policy: A file with a routing section, or the name of a strategy.
        stock: A CSV file with warehouse, sku, units: "12" sets what is free when the window begins, "+12" and
            "-12" change it.
        close: Codes of warehouses that do not take part.
        add: A YAML file with a warehouse as in hub.yaml, or a list of them.
        hold: How long picklists are held back, so that orders may be moved.
    """

    policy: str | None = None
    stock: Path | None = None
    close: tuple[str, ...] = ()
    add: Path | None = None
    hold: timedelta = timedelta()

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return self != Changes()

    @property
    def only_less(self) -> bool:
        """Whether they take choices away and give none: no plan can be better than the best was before."""
        return self == Changes(close=self.close, hold=self.hold)


@dataclass(frozen=True, slots=True)
class Scenario:
    """How a window is played.

    Attributes:
        stock: Free units to set, and `more`: to add, at the window's beginning.
        spare: Units of a SKU that are free because another safety stock is kept than today's.
    """

    name: str
    policy: Policy
    sites: tuple[Site, ...]
    stock: Mapping[Position, int] = field(default_factory=dict)
    more: Mapping[Position, int] = field(default_factory=dict)
    hold: timedelta = timedelta()
    spare: Callable[[str], int] = lambda _sku: 0

    def free(self, known: Mapping[Position, int]) -> dict[Position, int]:
        """What is free when the window begins."""
        found = {position: units + self.spare(position[1]) for position, units in known.items()}
        found |= dict(self.stock)
        for position, units in self.more.items():
            found[position] = found.get(position, 0) + units
        return found


def as_configured(config: HubConfig) -> Scenario:
    """The window with today's configuration."""
    return Scenario("as configured", config.routing_policy(), routing_sites(config))


def changed(config: HubConfig, changes: Changes) -> Scenario:
    """The window with changes.

    Raises:
        ProblemError: A file cannot be used, or a warehouse is not known.
    """
    added = _added(changes.add) if changes.add else ()
    _check_codes(config, added, changes.close)
    kept = tuple(one for one in config.warehouses if one.code not in changes.close)
    sites = routing_sites(config.model_copy(update={"warehouses": (*kept, *added)}))
    if not sites:
        raise ProblemError("every warehouse is closed; leave one open, or add one")
    policy, safety = _policy(config, changes.policy, (*config.warehouses, *added))
    today = config.routing.safety_stock
    fixed, more = _stock(changes.stock, {site.code for site in sites}) if changes.stock else ({}, {})

    def spare(sku: str) -> int:
        return today.units(sku) - safety.units(sku)

    return Scenario(_name(changes, added), policy, sites, fixed, more, changes.hold, spare)


def _name(changes: Changes, added: Sequence[Warehouse]) -> str:
    words = [f"policy {Path(changes.policy).name}"] if changes.policy else []
    words += [f"stock {changes.stock.name}"] if changes.stock else []
    words += [f"without {code}" for code in changes.close] + [f"with {one.code}" for one in added]
    words += [f"held {int(changes.hold.total_seconds() // 60)} min"] if changes.hold else []
    return ", ".join(words) or "as configured"


def _check_codes(config: HubConfig, added: Sequence[Warehouse], closed: Sequence[str]) -> None:
    known = {one.code for one in config.warehouses}
    for code in closed:
        if code not in known:
            raise ProblemError(f"no warehouse {code!r} to close; there are: {', '.join(sorted(known))}")
    for one in added:
        if one.code in known:
            raise ProblemError(f"there is a warehouse {one.code!r} already; give the added one another code")


def _policy(
    config: HubConfig, wanted: str | None, warehouses: Sequence[Warehouse]
) -> tuple[Policy, SafetyStock]:
    """The policy that is wanted, today's if None is, and the safety stock that goes with it."""
    if wanted is None:
        return config.routing_policy(), config.routing.safety_stock
    if Path(wanted).is_file():
        document = _document(Path(wanted))
        section = document.get("routing", document)
        routing = _checked(Routing, section, Path(wanted))
        tariff, problems = tariff_of(routing, Path(wanted).parent)
        channels = [one.name for one in config.connections if one.kind == "channel"]
        problems = [*problems, *routing_problems(routing, warehouses, channels, tariff)]
        if routing.currency != config.routing.currency:
            ours = config.routing.currency
            problems.append(f"its currency is {routing.currency}, the hub's is {ours}: write {ours}.")
        if problems:
            raise ProblemError(f"{wanted}: " + " ".join(problems))
        return routing.policy(tariff), routing.safety_stock
    try:
        strategy = OTHER_NAMES.get(wanted) or Strategy(wanted)
    except ValueError:
        names = ", ".join(Strategy)
        raise ProblemError(f"{wanted!r} is neither a file nor a strategy; there are: {names}") from None
    policy = config.routing_policy()
    if strategy is Strategy.RANKED_SITES and not policy.ranking:
        raise ProblemError("ranked_sites needs a ranking; list warehouse codes under routing.ranking")
    return replace(policy, strategies=(strategy,), overrides=()), config.routing.safety_stock


def _added(path: Path) -> tuple[Warehouse, ...]:
    document = _document(path)
    entries = document.get("warehouses", [document])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ProblemError(f"{path}: warehouses is no list of warehouses; write them as in hub.yaml")
    # A warehouse that does not exist yet has no WMS: its own code stands in.
    return tuple(
        _checked(Warehouse, {"wms": {"connection": "none", "site": str(entry.get("code"))}, **entry}, path)
        for entry in entries
    )


def _document(path: Path) -> dict[str, Any]:
    try:
        return read_document(path)
    except UnreadableError as error:
        raise ProblemError(f"{path}: {error}") from error


def _checked(model: type[Model], section: object, path: Path) -> Model:
    document = section if isinstance(section, dict) else {}
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise ProblemError(f"{path}: " + " ".join(told(error, model, document, ()))) from None


def _stock(path: Path, codes: set[str]) -> tuple[dict[Position, int], dict[Position, int]]:
    fixed: dict[Position, int] = {}
    more: dict[Position, int] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = {"warehouse", "sku", "units"} - set(reader.fieldnames or ())
            if missing:
                raise ProblemError(f"{path}: no column {', '.join(sorted(missing))}")
            for row in reader:
                code, sku, units = ((row[name] or "").strip() for name in ("warehouse", "sku", "units"))
                if code not in codes or not sku or not WHOLE.fullmatch(units):
                    raise ProblemError(
                        f"{path}, line {reader.line_num}: give a warehouse that takes part"
                        f" ({', '.join(sorted(codes))}), a SKU, and whole units such as 12, +12 or -12"
                    )
                (more if units[0] in "+-" else fixed)[code, sku] = int(units)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ProblemError(f"{path} cannot be read: {error}") from error
    return fixed, more
