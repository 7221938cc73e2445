"""Scheduling: in which clock cycle each value of a kernel is made."""

from fpga_ml.schedule.pipeline import Schedule, schedule

__all__ = ["Schedule", "schedule"]
