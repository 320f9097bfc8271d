package emulator

import (
	"context"
	"database/sql"
	"encoding/json"
)

// statements are the prepared statements of the writer.
type statements struct {
	putMessage, delivery, deleteMessage, putQueue, deleteQueue, purge, putMove, deleteMove *sql.Stmt
	putGroup, deleteGroup, putSchedule, progress, deleteSchedule                           *sql.Stmt
	all                                                                                    []*sql.Stmt
}

func (s *statements) prepare(ctx context.Context, conn *sql.Conn) error {
	for _, p := range []struct {
		to    **sql.Stmt
		query string
	}{
		{&s.putMessage, `INSERT OR REPLACE INTO messages VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)`},
		{&s.delivery, `UPDATE messages SET visible_at=?, receives=?, first_received=?, received_at=? WHERE seq=?`},
		{&s.deleteMessage, `DELETE FROM messages WHERE seq=?`},
		{&s.putQueue, `INSERT OR REPLACE INTO queues VALUES (?,?)`},
		{&s.deleteQueue, `DELETE FROM queues WHERE id=?`},
		{&s.purge, `DELETE FROM messages WHERE queue=?`},
		{&s.putMove, `INSERT OR REPLACE INTO moves VALUES (?,?,?)`},
		{&s.deleteMove, `DELETE FROM moves WHERE id=?`},
		{&s.putGroup, `INSERT OR REPLACE INTO schedule_groups VALUES (?,?,?)`},
		{&s.deleteGroup, `DELETE FROM schedule_groups WHERE region=? AND name=?`},
		{&s.putSchedule, `INSERT OR REPLACE INTO schedules VALUES (?,?,?)`},
		{&s.progress, `UPDATE schedules SET progress=? WHERE id=?`},
		{&s.deleteSchedule, `DELETE FROM schedules WHERE id=?`},
	} {
		stmt, err := conn.PrepareContext(ctx, p.query) //nolint:sqlclosecheck // closed by close
		if err != nil {
			return err
		}
		*p.to = stmt
		s.all = append(s.all, stmt)
	}
	return nil
}

func (s *statements) close() {
	for _, stmt := range s.all {
		_ = stmt.Close() // the database reports what goes wrong
	}
}

// write commits the records of a group of calls together, or none of them.
func (s *store) write(group []*tx) error {
	ctx := context.Background()
	if _, err := s.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return stateError(s.path, err)
	}
	err := s.writeAll(ctx, group)
	if err == nil {
		_, err = s.conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		_, _ = s.conn.ExecContext(ctx, "ROLLBACK") // SQLite may have done so already
		return stateError(s.path, err)
	}
	return nil
}

// writeAll runs the records in order. A message's changes are gathered first: of one that was sent, received and
// deleted within the group only the deletion is written.
func (s *store) writeAll(ctx context.Context, group []*tx) error {
	g := gathered{latest: map[int64]int{}}
	for _, t := range group {
		for i := range t.recs {
			r := &t.recs[i]
			switch r.kind {
			case recPutMessage, recDelivery, recDeleteMessage:
				g.add(r)
				continue
			}
			if err := s.flush(ctx, &g); err != nil {
				return err
			}
			if err := s.writeOther(ctx, r); err != nil {
				return err
			}
		}
	}
	return s.flush(ctx, &g)
}

// gathered is the net change of messages, in the order in which they first changed.
type gathered struct {
	recs   []*record
	latest map[int64]int // index in recs, by message
}

func (g *gathered) add(r *record) {
	i, seen := g.latest[r.row.Seq]
	switch {
	case !seen:
		g.latest[r.row.Seq] = len(g.recs)
		g.recs = append(g.recs, r)
	case r.kind == recDelivery && g.recs[i].kind == recPutMessage:
		put := *g.recs[i] // a copy: the records belong to their calls
		put.row.delivery = r.row.delivery
		g.recs[i] = &put
	default:
		g.recs[i] = r
	}
}

func (s *store) flush(ctx context.Context, g *gathered) error {
	for _, r := range g.recs {
		if err := s.writeMessage(ctx, r); err != nil {
			return err
		}
	}
	g.recs = g.recs[:0]
	clear(g.latest)
	return nil
}

func (s *store) writeMessage(ctx context.Context, r *record) error {
	row := &r.row
	switch r.kind {
	case recPutMessage:
		c := row.content
		var attrs any
		if len(c.attrs) > 0 {
			text, err := json.Marshal(c.attrs)
			if err != nil {
				return err
			}
			attrs = string(text)
		}
		return exec(ctx, s.stmts.putMessage, row.Seq, r.queue, c.id, c.body, attrs, c.group, c.trace, c.sender,
			row.Source, row.SentAt, row.visibleAt, row.receives, row.firstReceived, row.receivedAt)
	case recDelivery:
		return exec(ctx, s.stmts.delivery, row.visibleAt, row.receives, row.firstReceived, row.receivedAt, row.Seq)
	}
	return exec(ctx, s.stmts.deleteMessage, row.Seq)
}

func (s *store) writeOther(ctx context.Context, r *record) error {
	switch r.kind {
	case recDeleteQueue:
		if err := exec(ctx, s.stmts.deleteQueue, r.queue); err != nil {
			return err
		}
		return exec(ctx, s.stmts.purge, r.queue)
	case recPurge:
		return exec(ctx, s.stmts.purge, r.queue)
	case recPutGroup, recDeleteGroup, recPutSchedule, recProgress, recDeleteSchedule:
		return s.writeTimetable(ctx, r)
	}
	text, err := json.Marshal(r.data)
	if err != nil {
		return err
	}
	switch r.kind {
	case recPutQueue:
		return exec(ctx, s.stmts.putQueue, r.queue, string(text))
	case recPutMove:
		m := r.data.(moveTask)
		return exec(ctx, s.stmts.putMove, m.ID, m.Started, string(text))
	default: // recDeleteMove
		return exec(ctx, s.stmts.deleteMove, r.data.(moveTask).ID)
	}
}

func exec(ctx context.Context, stmt *sql.Stmt, args ...any) error {
	_, err := stmt.ExecContext(ctx, args...)
	return err
}
