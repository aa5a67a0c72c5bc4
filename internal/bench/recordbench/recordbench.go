// Package recordbench measures what keeping words and recordings costs, and what is
// lost when something breaks.
package recordbench
