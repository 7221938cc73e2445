"""Scheduling: in which clock cycle each value of a kernel is made."""

from fpga_ml.schedule.delay import GENERIC, DelayModel
from fpga_ml.schedule.pipeline import Schedule, schedule

__all__ = ["GENERIC", "DelayModel", "Schedule", "schedule"]
