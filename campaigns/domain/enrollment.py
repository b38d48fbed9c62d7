"""Enrollments, by the words of the product: the marks that timers work on."""

from __future__ import annotations

from triggers.enrollments import EnrollmentBook, EnrollmentMark, EnrollmentStatus

__all__ = ["EnrollmentBook", "EnrollmentMark", "EnrollmentStatus"]
