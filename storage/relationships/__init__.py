"""Who stands how to a patient: rows with a beginning and an end (actors/domain/relationship.py says
what they mean), and the files of records that were opened in an emergency. Imported by web/.
"""

from storage.relationships.break_glass import BreakGlass, BreakGlassFiles, Verdict
from storage.relationships.store import Relationships

__all__ = ["BreakGlass", "BreakGlassFiles", "Relationships", "Verdict"]
