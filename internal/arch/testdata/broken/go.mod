module livedub

go 1.26
