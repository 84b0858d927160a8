# SPDX-License-Identifier: GPL-2.0-or-later
"""What the suites share: where the program is, namespaces, scripts, and how results are told."""
