"""Cards that programs share: who holds how much of which card, for all programs of one user on one computer."""

from simgpu.cards.claim import Claim
from simgpu.cards.place import runtime_directory
from simgpu.cards.processes import Owner, Processes, SystemProcesses
from simgpu.cards.records import CardKey, CardUse, ClaimRequest, DeviceUse, ProcessUse, card_key
from simgpu.cards.shared import SharedCards

__all__ = [
    "CardKey",
    "CardUse",
    "Claim",
    "ClaimRequest",
    "DeviceUse",
    "Owner",
    "ProcessUse",
    "Processes",
    "SharedCards",
    "SystemProcesses",
    "card_key",
    "runtime_directory",
]
