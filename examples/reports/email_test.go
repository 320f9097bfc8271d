package reports

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coretasks/core/tasks"
)

func TestEmailWaitsForTheReport(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	params := EmailParams{UserID: 1, ReportType: "monthly", JobID: "job-1"}
	out := execute(t.Context(), t, Registry(dir), "reports.email", "job-2", 1, params)
	if out.Verdict != tasks.Retry || !strings.Contains(out.Err.Error(), "is not finished") {
		t.Fatalf("before the report: %v (%v), want a retry since it is not finished", out.Verdict, out.Err)
	}
	_, html := mustGenerate(t, dir, "job-1", Params{UserID: 1, ReportType: "monthly"})

	var messages [2]string
	for i := range messages { // delivered twice, it must not make two messages
		out = execute(t.Context(), t, Registry(dir), "reports.email", "job-2", 2, params)
		if out.Verdict != tasks.Done {
			t.Fatalf("with the report: %v (%v), want done", out.Verdict, out.Err)
		}
		want := Mail{File: filepath.Join(dir, "outbox", "monthly-1-job-1.eml"), To: "ana.souza@example.com"}
		if out.Result != want {
			t.Errorf("result = %+v, want %+v", out.Result, want)
		}
		data, err := os.ReadFile(want.File)
		if err != nil {
			t.Fatal(err)
		}
		messages[i] = string(data)
	}
	if messages[0] != messages[1] {
		t.Error("the second delivery wrote another message than the first")
	}
	if got := fileNames(t, filepath.Join(dir, "outbox")); len(got) != 1 {
		t.Errorf("outbox holds %v, want one message", got)
	}
	checkMessage(t, messages[0], html)
}

func TestEmailHeadersCannotBeInjected(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	mustExec(t, salesIn(t, dir), `UPDATE users SET name = ? WHERE id = 1`, "Ana\r\nBcc: all@example.com\r\n\r\nhello")
	const id = "job\r\nBcc: all@example.com"
	mustGenerate(t, dir, id, Params{UserID: 1, ReportType: "daily"})
	out := execute(t.Context(), t, Registry(dir), "reports.email", "job-2", 1, EmailParams{UserID: 1, ReportType: "daily", JobID: id})
	sent, ok := out.Result.(Mail)
	if !ok {
		t.Fatalf("%v: %v, want done", out.Verdict, out.Err)
	}
	file, err := os.Open(sent.File)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	message, err := mail.ReadMessage(file)
	if err != nil {
		t.Fatal(err)
	}
	if message.Header.Get("Bcc") != "" {
		t.Error("a header was injected")
	}
}

// checkMessage reads a message as a mail program does.
func checkMessage(t *testing.T, text, html string) {
	t.Helper()
	message, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	to, err := message.Header.AddressList("To")
	if err != nil || len(to) != 1 || *to[0] != (mail.Address{Name: "Ana Souza", Address: "ana.souza@example.com"}) {
		t.Errorf("To = %v (%v)", to, err)
	}
	if got := message.Header.Get("Subject"); got != "Monthly sales" {
		t.Errorf("Subject = %q", got)
	}
	if got, err := message.Header.Date(); err != nil || !got.Equal(enqueuedAt) {
		t.Errorf("Date = %v (%v), want when the job was enqueued", got, err)
	}
	_, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	var contents, names []string
	for parts := multipart.NewReader(message.Body, params["boundary"]); ; {
		part, err := parts.NextPart() // undoes quoted-printable
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		contents, names = append(contents, string(content)), append(names, part.FileName())
	}
	if want := []string{"", "monthly-1-job-1.html"}; !slices.Equal(names, want) {
		t.Fatalf("parts are named %q, want %q", names, want)
	}
	if !strings.Contains(contents[0], "Hello Ana Souza") {
		t.Errorf("the text is %q", contents[0])
	}
	if got := strings.ReplaceAll(contents[1], "\r\n", "\n"); got != html {
		t.Error("the attachment is not the report")
	}
}
