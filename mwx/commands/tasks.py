"""tasks: what there is to do, in a table or in one picture."""

from pathlib import Path

from mwx.files import target_file


def tasks(sheet: Path | None = None, robot: str | None = None) -> None:
    """List every task, or draw them all.

    Args:
        sheet: instead of the table, write one picture (PNG) of how every task starts.
        robot: only this robot's tasks, e.g. h1 or h1hand.
    """
    if sheet is not None:
        from mwx.sim.contact_sheet import write_contact_sheet
        print(f"tasks: {write_contact_sheet(target_file(sheet, '.png'), robot)}")
        return
    from mwx.sim.task_table import HEADER, row_of, select
    print(HEADER)
    for name in select(robot):
        print(row_of(name), flush=True)
