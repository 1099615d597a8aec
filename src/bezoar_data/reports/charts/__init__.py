"""Pictures of a page: tables that a script of ours draws, and the library that it draws them with."""
