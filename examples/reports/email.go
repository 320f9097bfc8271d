package reports

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/coretasks/core/tasks"
)

// EmailParams names a report by what it was made for and the job that made it.
type EmailParams struct {
	UserID     int64  `json:"user_id"`
	ReportType string `json:"report_type"`
	// JobID is the job of reports.generate.
	JobID string `json:"job_id"`
}

// Email addresses a finished report to its user. The example sends nothing: the message becomes a file in outbox/,
// which a mail program can open. While the report is not there yet, it fails and is retried.
var Email = tasks.Define("reports.email", email,
	tasks.Queue("high-priority"), tasks.MaxRetries(5), tasks.RetryDelay(5*time.Second), tasks.Timeout(time.Minute))

// Mail is a message that was written.
type Mail struct {
	// File is the message's path, below the directory given to [Registry].
	File string `json:"file"`
	To   string `json:"to"`
}

func email(ctx context.Context, p EmailParams) (Mail, error) {
	kind, err := kindOf(p.ReportType)
	if err != nil {
		return Mail{}, tasks.Permanent(err)
	}
	if p.JobID == "" {
		return Mail{}, tasks.Permanent(errors.New("job_id is empty: give the ID of the job that made the report"))
	}
	sales, err := openSales(ctx)
	if err != nil {
		return Mail{}, err
	}
	defer sales.close()
	to, err := sales.user(ctx, p.UserID)
	if err != nil {
		return Mail{}, err
	}
	file, err := reportFile(ctx, Params{UserID: p.UserID, ReportType: p.ReportType}, p.JobID)
	if err != nil {
		return Mail{}, err
	}
	report, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Mail{}, fmt.Errorf("report %s is not finished: %w", filepath.Base(file), err)
	case err != nil:
		return Mail{}, err
	}
	message, err := compose(ctx, to, kind.title, filepath.Base(file), p.JobID, report)
	if err != nil {
		return Mail{}, err
	}
	dir, err := stateDir(ctx)
	if err != nil {
		return Mail{}, err
	}
	out := filepath.Join(dir, "outbox", strings.TrimSuffix(filepath.Base(file), ".html")+".eml")
	if err := writeFile(out, message); err != nil {
		return Mail{}, err
	}
	return Mail{File: out, To: to.Email}, nil
}

// compose writes a message with the report attached. Its Message-ID follows from the report, so that a mail server can
// tell a repeated message from another one.
func compose(ctx context.Context, to user, subject, name, reportID string, report []byte) ([]byte, error) {
	sent := time.Now()
	if attempt, ok := tasks.Current(ctx); ok && !attempt.EnqueuedAt.IsZero() {
		sent = attempt.EnqueuedAt
	}
	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	if err := parts.SetBoundary(fmt.Sprintf("%x", sha256.Sum256(report))); err != nil { // the same on every attempt
		return nil, err
	}
	greeting := fmt.Sprintf("Hello %s,\r\n\r\nyour report is attached: open %s in a browser.\r\n", to.Name, name)
	if err := addPart(parts, "text/plain", "", []byte(greeting)); err != nil {
		return nil, err
	}
	if err := addPart(parts, "text/html", name, report); err != nil {
		return nil, err
	}
	if err := parts.Close(); err != nil {
		return nil, err
	}
	var message bytes.Buffer
	for _, header := range [][2]string{
		{"From", "Core example <reports@example.com>"},
		{"To", (&mail.Address{Name: to.Name, Address: to.Email}).String()},
		{"Subject", mime.QEncoding.Encode("utf-8", subject)},
		{"Date", sent.UTC().Format(time.RFC1123Z)},
		{"Message-ID", "<" + url.PathEscape(reportID) + "@reports.example.com>"},
		{"MIME-Version", "1.0"},
		{"Content-Type", mime.FormatMediaType("multipart/mixed", map[string]string{"boundary": parts.Boundary()})},
	} {
		fmt.Fprintf(&message, "%s: %s\r\n", header[0], header[1])
	}
	message.WriteString("\r\n")
	message.Write(body.Bytes())
	return message.Bytes(), nil
}

// addPart adds text to a message, as an attachment where it has a name.
func addPart(parts *multipart.Writer, mediaType, name string, content []byte) error {
	header := textproto.MIMEHeader{}
	header.Set("Content-Type", mediaType+"; charset=utf-8")
	header.Set("Content-Transfer-Encoding", "quoted-printable")
	if name != "" {
		header.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	}
	part, err := parts.CreatePart(header)
	if err != nil {
		return err
	}
	text := quotedprintable.NewWriter(part)
	if _, err := text.Write(content); err != nil {
		return err
	}
	return text.Close()
}
