package reports

import (
	"context"
	"sync"
	"time"
)

// memory is the sample's sales without a database.
type memory struct {
	today time.Time

	once sync.Once
	sold []sale
}

func (m *memory) all() []sale {
	m.once.Do(func() {
		for s := range sample(m.today) {
			m.sold = append(m.sold, s)
		}
	})
	return m.sold
}

func (*memory) close() {}

func (*memory) user(_ context.Context, id int64) (user, error) {
	for _, u := range users() {
		if u.ID == id {
			return u, nil
		}
	}
	return user{}, unknownUser(id)
}

func (m *memory) lastDay(context.Context) (time.Time, error) {
	all := m.all() // in the order of days
	return all[len(all)-1].day, nil
}

func (m *memory) byTime(_ context.Context, userID int64, p period, unit int) ([]line, error) {
	var lines []line
	for _, s := range m.all() {
		if s.userID != userID || !p.has(s.day) {
			continue
		}
		label := s.day.Format(time.DateOnly)[:unit]
		if len(lines) == 0 || lines[len(lines)-1].Label != label {
			lines = append(lines, line{Label: label})
		}
		lines[len(lines)-1].add(s.line())
	}
	return lines, nil
}

func (m *memory) byProduct(_ context.Context, userID int64, p period) ([]line, error) {
	products := catalogue()
	lines := make([]line, len(products))
	for i, product := range products {
		lines[i].Group, lines[i].Label = product.category, product.name
	}
	for _, s := range m.all() {
		if s.userID == userID && p.has(s.day) {
			lines[s.product].add(s.line())
		}
	}
	return lines, nil
}

// line is the sale alone, summed up.
func (s sale) line() line { return line{Sales: 1, Units: s.quantity, Cents: s.quantity * s.cents} }

func (p period) has(day time.Time) bool { return !day.Before(p.first) && !day.After(p.last) }
