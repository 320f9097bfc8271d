package emulator

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
)

// load reads all of the file into memory.
func (e *Emulator) load(s *store) error {
	ctx := context.Background()
	var run int64
	if err := s.conn.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = 'run'").Scan(&run); err != nil {
		return openError(s.path, err)
	}
	if err := checkRun(run); err != nil {
		return corrupt(s.path, err.Error())
	}
	e.nextID = run * idsPerRun
	byID := map[int64]*queue{}
	for _, read := range []func() error{
		func() error { return e.loadQueues(ctx, s, byID) },
		func() error { return e.loadMessages(ctx, s, byID) },
		func() error { return e.loadMoves(ctx, s) },
		func() error { return e.loadGroups(ctx, s) },
		func() error { return e.loadSchedules(ctx, s) },
	} {
		if err := read(); err != nil {
			return openError(s.path, err)
		}
	}
	return nil
}

// each runs a query and calls row for each of its rows.
func (s *store) each(ctx context.Context, query string, row func(*sql.Rows) error) error {
	rows, err := s.conn.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (e *Emulator) loadQueues(ctx context.Context, s *store, byID map[int64]*queue) error {
	return s.each(ctx, "SELECT id, definition FROM queues", func(rows *sql.Rows) error {
		var id int64
		var text string
		if err := rows.Scan(&id, &text); err != nil {
			return err
		}
		var row queueRow
		if err := json.Unmarshal([]byte(text), &row); err != nil {
			return corrupt(s.path, fmt.Sprintf("the definition of queue %d: %v", id, err))
		}
		if err := e.checkQueueRow(id, &row); err != nil {
			return corrupt(s.path, fmt.Sprintf("queue %d: %v", id, err))
		}
		q := e.newQueue(id, inRegion{row.Region, row.Name}, row.Created)
		q.modified = row.Modified
		maps.Copy(q.tags, row.Tags)
		attrs := defaultAttributes()
		maps.Copy(attrs, row.Attrs)
		if _, ok := row.Attrs["SqsManagedSseEnabled"]; !ok {
			delete(attrs, "SqsManagedSseEnabled")
		}
		var err error
		if q.settings, err = parseSettings(attrs); err != nil {
			return corrupt(s.path, fmt.Sprintf("the attributes of queue %s: %v", row.Name, err))
		}
		e.queues[q.inRegion], byID[id] = q, q
		return nil
	})
}

func (e *Emulator) loadMessages(ctx context.Context, s *store, byID map[int64]*queue) error {
	now := nowMilli()
	return s.each(ctx, "SELECT * FROM messages ORDER BY seq", func(rows *sql.Rows) error {
		m := &message{}
		var id int64
		var attrs sql.NullString
		d := &m.delivery
		if err := rows.Scan(&m.seq, &id, &m.id, &m.body, &attrs, &m.group, &m.trace, &m.sender, &m.source, &m.sentAt,
			&d.visibleAt, &d.receives, &d.firstReceived, &d.receivedAt); err != nil {
			return err
		}
		if attrs.Valid {
			if err := json.Unmarshal([]byte(attrs.String), &m.attrs); err != nil {
				return corrupt(s.path, fmt.Sprintf("the attributes of message %s: %v", m.id, err))
			}
		}
		if err := e.checkMessageRow(m); err != nil {
			return corrupt(s.path, fmt.Sprintf("message %d: %v", m.seq, err))
		}
		q := byID[id]
		if q == nil {
			return corrupt(s.path, fmt.Sprintf("message %s belongs to no queue", m.id))
		}
		m.bodyMD5 = md5Hex(m.body)
		// Only a receive, never a delay, hides a message that has been received.
		d.inFlight = d.receives > 0 && d.visibleAt > now
		q.insert(m, now)
		return nil
	})
}

func (e *Emulator) loadMoves(ctx context.Context, s *store) error {
	return s.each(ctx, "SELECT task FROM moves ORDER BY started, id", func(rows *sql.Rows) error {
		var text string
		if err := rows.Scan(&text); err != nil {
			return err
		}
		m := &moveTask{}
		if err := json.Unmarshal([]byte(text), m); err != nil {
			return corrupt(s.path, fmt.Sprintf("a move task: %v", err))
		}
		if err := checkMoveRow(m); err != nil {
			return corrupt(s.path, fmt.Sprintf("move task %s: %v", m.ID, err))
		}
		e.moves = append(e.moves, m)
		return nil
	})
}
