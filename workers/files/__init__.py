"""What an uploaded file says about itself: names, shapes, metadata. Nothing is loaded, nothing executed."""
