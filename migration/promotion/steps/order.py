"""All steps, in the order in which they run."""

from __future__ import annotations

from migration.promotion.steps.check_health import CheckHealth
from migration.promotion.steps.copy_rows import CopyRows
from migration.promotion.steps.fence_source import FenceSource
from migration.promotion.steps.prepare_target import PrepareTarget
from migration.promotion.steps.provision import Provision
from migration.promotion.steps.retire_source import RetireSource
from migration.promotion.steps.stop_application import StopApplication
from migration.promotion.steps.switch_application import SwitchApplication
from migration.promotion.steps.verify_copy import VerifyCopy

ALL_STEPS = (
    Provision(),
    PrepareTarget(),
    StopApplication(),
    FenceSource(),
    CopyRows(),
    VerifyCopy(),
    SwitchApplication(),
    CheckHealth(),
    RetireSource(),
)
