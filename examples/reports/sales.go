package reports

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/coretasks/core/tasks"
)

// busyWait is how long a query waits for a locked database. It is short, because a failed job waits on its queue and
// keeps no worker busy meanwhile.
const busyWait = time.Second

// sales is one task's own look at what was sold.
type sales interface {
	user(ctx context.Context, id int64) (user, error)
	// lastDay returns the last day with sales, of whichever user; reports end there.
	lastDay(ctx context.Context) (time.Time, error)
	// byTime sums up a user's sales by day (unit 10) or month (unit 7): by that many characters of the date. Days and
	// months without sales are left out.
	byTime(ctx context.Context, userID int64, p period, unit int) ([]line, error)
	// byProduct sums up a user's sales of every product.
	byProduct(ctx context.Context, userID int64, p period) ([]line, error)
	close()
}

// A session is a look at the sales database: a read-only connection with one transaction, so that all
// numbers of a report are of the same moment.
type session struct {
	path string
	db   *sql.DB
	tx   *sql.Tx
}

// openSales opens what the registry of the task says. The caller closes it.
func openSales(ctx context.Context) (sales, error) {
	f, err := filesOf(ctx)
	if err != nil {
		return nil, err
	}
	if f.memory != nil {
		return f.memory, nil
	}
	return openSession(ctx, f.dir)
}

// openSession opens the sales database below dir, and makes it where there is none. The program has to link a driver named
// sqlite, such as modernc.org/sqlite.
func openSession(ctx context.Context, dir string) (*session, error) {
	path := filepath.Join(dir, "sales.db")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := createSales(ctx, path, time.Now().UTC()); err != nil {
			return nil, fmt.Errorf("create the sales database %s: %w", path, err)
		}
	}
	dsn, err := dataSource(path, "ro")
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	s := &session{path: path, db: db}
	// Queries end with ctx, the transaction with close: else database/sql would roll it back at its leisure, and close
	// would return while the file is still open.
	if s.tx, err = db.BeginTx(context.WithoutCancel(ctx), nil); err != nil {
		s.close()
		return nil, s.explain(err)
	}
	return s, nil
}

// close ends the session. Nothing was written, so nothing can be lost by an error.
func (s *session) close() {
	if s.tx != nil {
		_ = s.tx.Rollback()
	}
	_ = s.db.Close()
}

// explain tells a damaged database, which no retry mends, from a locked one.
func (s *session) explain(err error) error {
	const corrupt, notADatabase = 11, 26 // SQLite's result codes
	var coded interface {
		error
		Code() int
	}
	if errors.As(err, &coded) {
		switch coded.Code() & 0xff { // the primary result code
		case corrupt, notADatabase:
			return tasks.Permanent(fmt.Errorf("sales database %s is damaged (%w); delete it, and the next report makes a new one", s.path, err))
		}
	}
	return fmt.Errorf("sales database %s: %w", s.path, err)
}

// dataSource names a database file in a way that allows every character in its path.
func dataSource(path, mode string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	query := url.Values{"mode": {mode}, "_pragma": {fmt.Sprintf("busy_timeout(%d)", busyWait.Milliseconds())}}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: query.Encode()}).String(), nil
}

// A user is one of the shop's sellers.
type user struct {
	ID                  int64
	Name, Email, Region string
}

func unknownUser(id int64) error { return tasks.Permanent(fmt.Errorf("user %d does not exist", id)) }

func (s *session) user(ctx context.Context, id int64) (user, error) {
	u := user{ID: id}
	err := s.tx.QueryRowContext(ctx, `SELECT name, email, region FROM users WHERE id = ?`, id).Scan(&u.Name, &u.Email, &u.Region)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return user{}, unknownUser(id)
	case err != nil:
		return user{}, s.explain(err)
	}
	return u, nil
}

func (s *session) lastDay(ctx context.Context) (time.Time, error) {
	var day string
	if err := s.tx.QueryRowContext(ctx, `SELECT max(sold_on) FROM sales`).Scan(&day); err != nil {
		return time.Time{}, s.explain(err)
	}
	return time.Parse(time.DateOnly, day)
}

// A period is from the first to the last day, both included.
type period struct{ first, last time.Time }

// months divides a period at the turns of the month.
func (p period) months() []period {
	var months []period
	for first := p.first; !first.After(p.last); {
		next := date(first.Year(), first.Month()+1, 1)
		last := next.AddDate(0, 0, -1)
		if last.After(p.last) {
			last = p.last
		}
		months = append(months, period{first: first, last: last})
		first = next
	}
	return months
}

// A line sums up some of a user's sales.
type line struct {
	// Group is the product's category in a report by product, and otherwise empty.
	Group string
	// Label is the day (2026-11-30), the month (2026-11) or the product.
	Label string
	// Sales counts the rows, Units what was sold in them, Cents the revenue.
	Sales, Units, Cents int64
}

func (l *line) add(other line) {
	l.Sales += other.Sales
	l.Units += other.Units
	l.Cents += other.Cents
}

func (s *session) byTime(ctx context.Context, userID int64, p period, unit int) ([]line, error) {
	return s.lines(ctx, `
		SELECT '', substr(sold_on, 1, ?), count(*), sum(quantity), sum(quantity * unit_cents)
		FROM sales WHERE user_id = ? AND sold_on BETWEEN ? AND ?
		GROUP BY 2 ORDER BY 2`,
		unit, userID, p.first.Format(time.DateOnly), p.last.Format(time.DateOnly))
}

func (s *session) byProduct(ctx context.Context, userID int64, p period) ([]line, error) {
	return s.lines(ctx, `
		SELECT p.category, p.name, count(s.id), coalesce(sum(s.quantity), 0), coalesce(sum(s.quantity * s.unit_cents), 0)
		FROM products p LEFT JOIN sales s ON s.product_id = p.id AND s.user_id = ? AND s.sold_on BETWEEN ? AND ?
		GROUP BY p.id`,
		userID, p.first.Format(time.DateOnly), p.last.Format(time.DateOnly))
}

// sumUp makes one line of the lines of each product: the best of each category first.
func sumUp(lines []line) []line {
	type product struct{ group, label string }
	sums := map[product]*line{}
	for _, l := range lines {
		key := product{l.Group, l.Label}
		if sums[key] == nil {
			sums[key] = &line{Group: l.Group, Label: l.Label}
		}
		sums[key].add(l)
	}
	all := make([]line, 0, len(sums))
	for _, l := range sums {
		all = append(all, *l)
	}
	slices.SortFunc(all, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(b.Cents, a.Cents), cmp.Compare(a.Label, b.Label))
	})
	return all
}

func (s *session) lines(ctx context.Context, query string, args ...any) ([]line, error) {
	rows, err := s.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, s.explain(err)
	}
	defer func() { _ = rows.Close() }() // rows.Err below is the one that matters
	var lines []line
	for rows.Next() {
		var l line
		if err := rows.Scan(&l.Group, &l.Label, &l.Sales, &l.Units, &l.Cents); err != nil {
			return nil, s.explain(err)
		}
		lines = append(lines, l)
	}
	if err := rows.Err(); err != nil {
		return nil, s.explain(err)
	}
	return lines, nil
}
