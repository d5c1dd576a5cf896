"""The checks: what AWS offers, what is there already, what the domain says. Each asks, compares and tells."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from infra.preflight.finding import Finding, Report, Status
from infra.preflight.names import check_names
from infra.preflight.quotas import check_quotas
from infra.preflight.reader import NotAnswered, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from infra.preflight.needs import DatabaseClass, Needs, RegionNeeds

#: Calls under way at a time; more only meets AWS's throttling.
WORKERS: Final = 8
#: Route 53 is one service for the world, answered from here.
GLOBAL: Final = "us-east-1"
#: Regions of an account that can be used.
ENABLED: Final = frozenset({"opt-in-not-required", "opted-in"})
#: Who may issue certificates for a domain with CAA records, so that ACM can (the ACM user guide on CAA).
AMAZON_ISSUERS: Final = ("amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com")
SEE_POLICY: Final = "outgrow infra preflight --print-policy shows what has to be allowed"


def run_checks(needs: Needs, reader: Reader) -> Report:
    """Ask AWS everything that a phase depends on.

    Args:
        needs: of the phase.
        reader: asks AWS.

    Raises:
        infra.preflight.reader.NoAwsAccess: AWS does not know who is asking.
    """
    first = next(iter(needs.regions))
    account, identity = reader.identity(first)
    usable, findings = _regions(reader, needs)
    checks: list[Callable[[], Iterable[Finding]]] = []
    for region in (needs.regions[name] for name in usable):
        checks += [functools.partial(check, reader, region) for check in REGIONAL]
        checks.append(functools.partial(check_names, reader, region, account))
    if needs.zone:
        checks.append(functools.partial(_domain, reader, needs))
    with ThreadPoolExecutor(WORKERS) as pool:
        for found in pool.map(lambda check: list(check()), checks):
            findings += found
    return Report.of(needs.phase, account, identity, findings)


def _regions(reader: Reader, needs: Needs) -> tuple[list[str], list[Finding]]:
    """Say which regions can be used; the others are not asked any further."""
    check = "region"
    try:
        listed = reader.items(GLOBAL, "ec2", "describe_regions", "Regions", AllRegions=True)
    except NotAnswered as error:
        unknown = [
            Finding(check, name, name, Status.UNKNOWN, str(error), SEE_POLICY) for name in needs.regions
        ]
        return list(needs.regions), unknown
    states = {one["RegionName"]: one.get("OptInStatus", "opt-in-not-required") for one in listed}
    usable, findings = [], []
    for name in needs.regions:
        state = states.get(name, "there is no such region")
        if state in ENABLED:
            usable.append(name)
            findings.append(Finding(check, name, name, Status.PASS, state))
        else:
            step = (
                f"aws account enable-region --region-name {name}" if name in states else "correct aws:region"
            )
            findings.append(Finding(check, name, name, Status.FAIL, state, step))
    return usable, findings


def _zones(reader: Reader, needs: RegionNeeds) -> Iterator[Finding]:
    check = "zones"
    try:
        listed = reader.items(needs.region, "ec2", "describe_availability_zones", "AvailabilityZones")
    except NotAnswered as error:
        yield Finding(check, "all", needs.region, Status.UNKNOWN, str(error), SEE_POLICY)
        return
    states = {one["ZoneName"]: one["State"] for one in listed}
    for zone in needs.zones:
        state = states.get(zone, "this account has no such zone")
        status = Status.PASS if state == "available" else Status.FAIL
        step = "" if status is Status.PASS else f"choose outgrow:network.zones among {_letters(states)}"
        yield Finding(check, zone, needs.region, status, state, step)


def _instance_types(reader: Reader, needs: RegionNeeds) -> Iterator[Finding]:
    check = "instance types"
    if not needs.instance_types:
        return
    try:
        offered = reader.items(
            needs.region,
            "ec2",
            "describe_instance_type_offerings",
            "InstanceTypeOfferings",
            LocationType="availability-zone",
            Filters=[{"Name": "instance-type", "Values": sorted(needs.instance_types)}],
        )
    except NotAnswered as error:
        for type_ in sorted(needs.instance_types):
            yield Finding(check, type_, needs.region, Status.UNKNOWN, str(error), SEE_POLICY)
        return
    for type_ in sorted(needs.instance_types):
        there = {one["Location"] for one in offered if one["InstanceType"] == type_}
        yield _offered(check, type_, needs, there, needs.instance_zones.get(type_) or needs.zones)


def _databases(reader: Reader, needs: RegionNeeds) -> Iterator[Finding]:
    for wanted, zones in sorted(needs.databases.items()):
        subject = f"{wanted.engine} {wanted.version} on {wanted.instance_class}"
        try:
            options = reader.items(
                needs.region,
                "rds",
                "describe_orderable_db_instance_options",
                "OrderableDBInstanceOptions",
                Engine=wanted.engine,
                DBInstanceClass=wanted.instance_class,
            )
        except NotAnswered as error:
            yield Finding("databases", subject, needs.region, Status.UNKNOWN, str(error), SEE_POLICY)
            continue
        yield _database(subject, needs, wanted, zones, options)


def _database(
    subject: str, needs: RegionNeeds, wanted: DatabaseClass, zones: tuple[str, ...], options: list[Any]
) -> Finding:
    fitting = [one for one in options if _version_fits(wanted.version, str(one.get("EngineVersion", "")))]
    if options and not fitting:
        versions = ", ".join(sorted({str(one["EngineVersion"]) for one in options})[-5:])
        why = f"that class runs {wanted.engine} in other versions here, the newest {versions}"
        return Finding("databases", subject, needs.region, Status.FAIL, why, "correct outgrow:sizes.database")
    for flag, key, what in (
        (wanted.multi_az, "MultiAZCapable", "Multi-AZ"),
        (wanted.global_database, "SupportsGlobalDatabases", "a global database"),
    ):
        if flag and fitting and not any(one.get(key, True) for one in fitting):
            why = f"that class cannot be part of {what} here"
            return Finding(
                "databases", subject, needs.region, Status.FAIL, why, "choose another outgrow:sizes.database"
            )
    there = {str(zone.get("Name")) for one in fitting for zone in one.get("AvailabilityZones", ())}
    return _offered("databases", subject, needs, there, zones)


def _caches(reader: Reader, needs: RegionNeeds) -> Iterator[Finding]:
    check = "cache nodes"
    for node in sorted(needs.cache_nodes):
        try:  # ElastiCache lists what it offers only as what can be reserved
            offered = reader.items(
                needs.region,
                "elasticache",
                "describe_reserved_cache_nodes_offerings",
                "ReservedCacheNodesOfferings",
                CacheNodeType=node,
            )
        except NotAnswered as error:
            yield Finding(check, node, needs.region, Status.UNKNOWN, str(error), SEE_POLICY)
            continue
        if offered:
            yield Finding(check, node, needs.region, Status.PASS, "offered")
        else:
            yield Finding(
                check,
                node,
                needs.region,
                Status.FAIL,
                "not offered here",
                "choose another outgrow:sizes.cache",
            )
    for engine, version in needs.cache_engines:
        subject = f"{engine} {version}"
        try:
            versions = reader.items(
                needs.region,
                "elasticache",
                "describe_cache_engine_versions",
                "CacheEngineVersions",
                Engine=engine,
            )
        except NotAnswered as error:
            yield Finding(check, subject, needs.region, Status.UNKNOWN, str(error), SEE_POLICY)
            continue
        known = {str(one["EngineVersion"]) for one in versions}
        fits = any(_version_fits(version, one) for one in known)
        status = Status.PASS if fits else Status.FAIL
        detail = "offered" if fits else f"offered are {', '.join(sorted(known)) or 'none'}"
        yield Finding(check, subject, needs.region, status, detail, "" if fits else "correct its version")


def _domain(reader: Reader, needs: Needs) -> Iterator[Finding]:
    check, zone = "domain", f"{needs.zone}."
    try:
        listed = reader.items(GLOBAL, "route53", "list_hosted_zones", "HostedZones")
        found = [one for one in listed if one["Name"] == zone and not one["Config"].get("PrivateZone")]
        if len(found) != 1:
            why = (
                f"{len(found)} public hosted zones of that name"
                if found
                else "no public hosted zone of that name"
            )
            step = (
                f"aws route53 create-hosted-zone --name {needs.zone} --caller-reference first, then "
                "delegate the name to it; or set outgrow:domain to null"
            )
            yield Finding(check, needs.zone or "", "", Status.FAIL, why, step)
            return
        records = reader.items(
            GLOBAL, "route53", "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=found[0]["Id"]
        )
    except NotAnswered as error:
        yield Finding(check, needs.zone or "", "", Status.UNKNOWN, str(error), SEE_POLICY)
        return
    yield Finding(
        check, needs.zone or "", "", Status.PASS, f"hosted zone {found[0]['Id'].rpartition('/')[2]}"
    )
    yield from _records(needs, records)
    yield _certificates(needs, zone, records)


def _records(needs: Needs, records: list[Any]) -> Iterator[Finding]:
    there = {(one["Name"].rstrip("."), one["Type"]) for one in records}
    clashing = {"A", "AAAA", "CNAME"}
    for name, type_ in needs.records:
        taken = sorted(
            other for at, other in there if at == name and (other == type_ or "CNAME" in {other, type_})
        )
        if taken and type_ in clashing:
            why = f"there is a record {', '.join(taken)} of that name already"
            step = "remove it, unless this very stack made it"
            yield Finding("names", f"{name} {type_}", "", Status.FAIL, why, step)
        else:
            yield Finding("names", f"{name} {type_}", "", Status.PASS, "free")


def _certificates(needs: Needs, zone: str, records: list[Any]) -> Finding:
    """A zone with CAA records has to name Amazon, or ACM issues no certificate for it."""
    issuers = [
        str(value["Value"])
        for one in records
        if one["Type"] == "CAA" and one["Name"] == zone
        for value in one.get("ResourceRecords", ())
    ]
    if not issuers or any(issuer in value for value in issuers for issuer in AMAZON_ISSUERS):
        detail = "CAA records name Amazon" if issuers else "no CAA record forbids it"
        return Finding("certificate", needs.zone or "", "", Status.PASS, detail)
    step = f'add a CAA record 0 issue "amazon.com" to {needs.zone}'
    return Finding(
        "certificate", needs.zone or "", "", Status.FAIL, f"CAA records allow only {'; '.join(issuers)}", step
    )


REGIONAL: Final = (_zones, _instance_types, _databases, _caches, check_quotas)


def _offered(
    check: str, subject: str, needs: RegionNeeds, there: set[str], wanted: tuple[str, ...]
) -> Finding:
    if not there:
        why, step = f"not offered in {needs.region}", "choose another size or aws:region"
        return Finding(check, subject, needs.region, Status.FAIL, why, step)
    missing = sorted(set(wanted) - there)
    if missing:
        why = f"not offered in {', '.join(missing)}, but in {', '.join(sorted(there))}"
        step = f"choose another size, or outgrow:network.zones among {_letters(there)}"
        return Finding(check, subject, needs.region, Status.FAIL, why, step)
    return Finding(
        check, subject, needs.region, Status.PASS, f"offered in {', '.join(sorted(wanted or there))}"
    )


def _version_fits(wanted: str, offered: str) -> bool:
    """Whether an offered version is the wanted one or, where only a major is wanted, one of its minors."""
    return not wanted or offered == wanted or offered.startswith(f"{wanted}.")


def _letters(zones: Iterable[str]) -> str:
    return ", ".join(sorted(zone[-1] for zone in zones))
