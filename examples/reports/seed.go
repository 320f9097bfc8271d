package reports

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// seed makes the sales of a day the same wherever and whenever the database is made.
const seed = 20260101

const schema = `
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, region TEXT NOT NULL);
CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT NOT NULL, category TEXT NOT NULL);
CREATE TABLE sales (
	id         INTEGER PRIMARY KEY,
	user_id    INTEGER NOT NULL REFERENCES users (id),
	product_id INTEGER NOT NULL REFERENCES products (id),
	sold_on    TEXT    NOT NULL, -- 2026-11-30
	quantity   INTEGER NOT NULL,
	unit_cents INTEGER NOT NULL  -- the price on that day
);
CREATE INDEX sales_by_user ON sales (user_id, sold_on);
`

func users() []user {
	return []user{
		{1, "Ana Souza", "ana.souza@example.com", "São Paulo"},
		{2, "Ben Okafor", "ben.okafor@example.com", "Lagos"},
		{3, "Chiara Rossi", "chiara.rossi@example.com", "Milan"},
		{4, "Dana Lindqvist", "dana.lindqvist@example.com", "Gothenburg"}, // new, and without a sale yet
	}
}

// A product is sold in proportion to its weight.
type product struct {
	name, category string
	cents          int64
	weight         int
}

func catalogue() []product {
	return []product{
		{"House Blend, 1 kg", "Coffee", 2450, 12},
		{"Espresso Forte, 1 kg", "Coffee", 2790, 10},
		{"Yirgacheffe, 250 g", "Coffee", 1380, 9},
		{"Decaf, 500 g", "Coffee", 1640, 4},
		{"Sencha, 100 g", "Tea", 1190, 5},
		{"Earl Grey, 200 g", "Tea", 980, 7},
		{"Chamomile, 100 g", "Tea", 760, 3},
		{"Hand grinder", "Brewing", 8900, 3},
		{"French press", "Brewing", 4250, 4},
		{"Pour-over set", "Brewing", 3780, 5},
		{"Cup & saucer", "Tableware", 1850, 6},
		{"Travel mug", "Tableware", 2990, 4},
	}
}

// createSales makes the database with the sales of twelve whole months and of the current one, up to the day before
// today. The file appears under its name only when it is complete: of several processes that start at once, each makes
// one and the last one's stays, while those that read from another's go on doing so.
func createSales(ctx context.Context, path string, today time.Time) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(path), ".unfinished-*") // a directory: SQLite has a journal beside its file
	if err != nil {
		return err
	}
	unfinished := filepath.Join(tmp, "sales.db")
	err = fillSales(ctx, unfinished, today)
	if err == nil {
		err = os.Rename(unfinished, path)
	}
	return errors.Join(err, os.RemoveAll(tmp))
}

func fillSales(ctx context.Context, path string, today time.Time) (err error) {
	dsn, err := dataSource(path, "rwc")
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after the commit
	if _, err := tx.ExecContext(ctx, schema); err != nil {
		return err
	}
	if err := insertSales(ctx, tx, today); err != nil {
		return err
	}
	return tx.Commit()
}

func insertSales(ctx context.Context, tx *sql.Tx, today time.Time) (err error) {
	for _, u := range users() {
		if _, err := tx.ExecContext(ctx, `INSERT INTO users (id, name, email, region) VALUES (?, ?, ?, ?)`, u.ID, u.Name, u.Email, u.Region); err != nil {
			return err
		}
	}
	for i, p := range catalogue() {
		if _, err := tx.ExecContext(ctx, `INSERT INTO products (id, name, category) VALUES (?, ?, ?)`, i+1, p.name, p.category); err != nil {
			return err
		}
	}
	insert, err := tx.PrepareContext(ctx, `INSERT INTO sales (user_id, product_id, sold_on, quantity, unit_cents) VALUES (?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, insert.Close()) }()
	for s := range sample(today) {
		if _, err := insert.ExecContext(ctx, s.userID, s.product+1, s.day.Format(time.DateOnly), s.quantity, s.cents); err != nil {
			return err
		}
	}
	return nil
}

// A sale is one row of the sample.
type sale struct {
	userID   int64
	product  int // its place in the catalogue
	day      time.Time
	quantity int64
	cents    int64 // for one unit
}

// sample makes the sales of twelve whole months and of the current one, up to the day before today.
func sample(today time.Time) iter.Seq[sale] {
	return func(yield func(sale) bool) {
		var drum []int // each product as often as it weighs
		products := catalogue()
		for i, p := range products {
			for range p.weight {
				drum = append(drum, i)
			}
		}
		end := date(today.Year(), today.Month(), today.Day())
		for day := date(today.Year(), today.Month()-12, 1); day.Before(end); day = day.AddDate(0, 0, 1) {
			random := rand.New(rand.NewPCG(seed, uint64(day.Unix())))
			for userID := int64(1); userID <= 3; userID++ {
				for range salesOn(day, userID, random) {
					i := drum[random.IntN(len(drum))]
					if !yield(sale{userID, i, day, int64(1 + random.IntN(4)), products[i].cents}) {
						return
					}
				}
			}
		}
	}
}

// salesOn returns how often a user sells on a day: a week and a year have their rhythm, and everyone sells differently.
func salesOn(day time.Time, userID int64, random *rand.Rand) int {
	typical := 5.5 - float64(userID)
	typical *= [...]float64{0.4, 0.8, 0.9, 1, 1.1, 1.4, 1.6}[day.Weekday()]
	typical *= [...]float64{0.8, 0.8, 0.9, 1, 1, 0.9, 0.7, 0.7, 1, 1.1, 1.3, 1.7}[day.Month()-1]
	return int(typical * (0.4 + 1.4*random.Float64()))
}

func date(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}
