package emulator

import (
	"encoding/xml"
	"mime"
	"net/http"
	"strconv"

	"github.com/aws/smithy-go"
)

// The query protocol of before November 2023 is not served. Its clients get an error that they can read.
const queryContentType = "application/x-www-form-urlencoded"

// isQuery tells requests of the query protocol: forms, and actions in the URL, without the JSON protocol's header.
func isQuery(r *http.Request) bool {
	if r.Header.Get("X-Amz-Target") != "" {
		return false
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == queryContentType || r.URL.RawQuery != "" && r.URL.Query().Has("Action")
}

// errorResponse is an error of the query protocol.
type errorResponse struct {
	XMLName   xml.Name `xml:"http://queue.amazonaws.com/doc/2012-11-05/ ErrorResponse"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	Detail    string   `xml:"Error>Detail"`
	RequestID string   `xml:"RequestId"`
}

func writeQueryError(w http.ResponseWriter, err error) {
	f := asFault(err)
	setHeaders(w)
	out := errorResponse{Type: "Sender", Code: f.name(), Message: f.message, RequestID: w.Header().Get("X-Amzn-Requestid")}
	if f.blame() == smithy.FaultServer {
		out.Type = "Receiver"
	}
	body, _ := xml.Marshal(out) // of strings alone
	body = append([]byte(xml.Header), body...)
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(f.status)
	_, _ = w.Write(body)
}
