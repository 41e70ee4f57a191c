"""What is drawn: panels show what is there; they compute nothing and write nothing."""
