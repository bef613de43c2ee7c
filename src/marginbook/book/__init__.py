"""The fast book: exact columns, float64 legs, certified bands. Import `marginbook.book.book` only where one is used."""
